
# The endpoints of the nearest wsprobe.toml. Bash may give the name as a word of its own, behind a word @.
_wsprobe_or_endpoints() {
    local word="${COMP_WORDS[COMP_CWORD]}" before=""
    (( COMP_CWORD > 0 )) && before="${COMP_WORDS[COMP_CWORD - 1]}"
    if [[ "$word" == @* || "$before" == @ ]]; then
        local names="$(wsprobe connect @ 2>&1 | sed -n 's/^  \(@[^ ]*\)  .*/\1/p')"
        COMPREPLY=( $(compgen -W "$names" -- "@${word#@}") )
    else
        _wsprobe "$@"
    fi
}

complete -F _wsprobe_or_endpoints -o bashdefault -o default wsprobe
