# Prints what zsh offers at the end of each line: zsh -f zsh-offers.zsh SCRIPT LINE... Completion works on a terminal alone, so there is one.
setopt err_exit
zmodload zsh/zpty

local setup=$(mktemp)
trap 'rm -f $setup' EXIT
cat > $setup <<'SETUP'
PS1=
autoload -Uz compinit
compinit -D
compadd() {
  local -a offered
  # With -O, -A or -D it only asks which words would match.
  [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] || {
    builtin compadd -A offered "$@"
    print -rl -- "OFFER $IPREFIX"${^offered}
  }
  builtin compadd "$@"
}
offer() {
  print
  _main_complete
  compstate[insert]= compstate[list]=
  print -r -- 'END OF' OFFERS
}
zle -C offer complete-word offer
bindkey '\t' offer
SETUP

read_until() {
  local chunk
  REPLY=
  while [[ $REPLY != *$1* ]]; do
    zpty -r terminal chunk
    REPLY+=$chunk
  done
}

zpty terminal zsh -f -i
zpty -w terminal "source $setup; source ${(q)1}; print 'IT IS' READY"
read_until 'IT IS READY'
for line in "${@:2}"; do
  zpty -w -n terminal $'\C-u'"$line"$'\t'
  read_until 'END OF OFFERS'
  print -r -- "LINE $line"
  print -r -- "$REPLY"
done
zpty -d terminal
