
# The endpoints of the nearest wsprobe.toml.
complete -c wsprobe -n 'string match -q "@*" -- (commandline -ct)' -f -a '(wsprobe connect @ 2>&1 | string replace -rf "^  (@\S+)  (.*)" "\$1\t\$2")'
