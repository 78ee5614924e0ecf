#compdef wsprobe

# The endpoints of the nearest wsprobe.toml, or URLs.
_wsprobe_urls() {
    if [[ $PREFIX == @* ]]; then
        local -a names
        names=(${(f)"$(wsprobe connect @ 2>&1 | sed -n 's/^  \(@[^ ]*\)  .*/\1/p')"})
        compadd -a names
    else
        "$@"
    fi
}
