#!/bin/sh
# Commit what is new in the template to the branch template-update; nothing else changes.
#
# The commit's message is the text for whoever reviews it. Lines in conflict stay between their
# marks, which `make check` refuses. A branch that somebody works on is left alone.
set -eu
cd "$(dirname "$0")/.."
here=$PWD
tree=$(mktemp -d)
answers=.copier-answers.yml

# The same update of the same commit is the same commit again.
date=$(git log -1 --format=%cI)
export GIT_AUTHOR_DATE="$date" GIT_COMMITTER_DATE="$date"
export GIT_AUTHOR_NAME="Template update" GIT_AUTHOR_EMAIL=template-update@localhost
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"

version() {
    sed -n "s/^_commit: //p" $answers
}

list() {
    sed "s/.*/- \`&\`/"
}

for branch in refs/heads/template-update refs/remotes/origin/template-update; do
    git show-ref --verify --quiet $branch || continue
    [ "$(git log -1 --format=%ce $branch)" = "$GIT_COMMITTER_EMAIL" ] && continue
    # The version that somebody worked on has arrived, so they are done.
    git diff --quiet HEAD $branch -- $answers && continue
    echo "Somebody works on $branch. To have it made anew, delete it."
    exit 0
done

trap 'git -C "$here" worktree remove --force "$tree"' EXIT
git worktree add --quiet --detach "$tree"
cd "$tree"
old=$(version)
make update CI=true
git add --all
if git diff --quiet HEAD; then
    echo "The template has nothing new."
    exit 0
fi

conflicts=$(git grep --line-number '^<<<<<<< before updating' | cut -d : -f 1,2 | list)
if [ "$conflicts" ]; then
    state=", with conflicts"
    todo="Resolve these conflicts on this branch, then run \`make setup openapi check\` and commit:"
elif make setup openapi CI=; then
    state=
    todo="Nothing conflicts. \`uv.lock\` and \`openapi.json\` are made anew."
else
    state=", unfinished"
    todo="Nothing conflicts, but \`make setup openapi\` fails: run it on this branch, and commit."
fi
git add --all
removed=$(git diff --no-renames --name-only --diff-filter=D HEAD | list)
git commit --quiet --file - <<END
Update the template from $old to $(version)$state

$todo

$conflicts

${removed:+Removed, whether you changed them or not:

$removed}
END
git branch --force template-update
git log -1 --stat
