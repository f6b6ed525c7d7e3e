#!/usr/bin/env bash
# The step of the action: URL, ROUTES, OPENAPI, PROFILE, ALLOW, ARGUMENTS and AUTHORITY_APP come from the environment.
set -euo pipefail

arguments=("$URL" --profile "${PROFILE:-entra}")
while IFS= read -r line; do
  [[ -n ${line// /} ]] || continue
  [[ $line == *=* ]] || { echo "\`$line\` is no route with its role, like \`GET /orders = Orders.Read\`" >&2; exit 2; }
  route=${line%%=*} role=${line#*=}
  arguments+=(--route "${route%"${route##*[![:space:]]}"}" --role "${role//[[:space:]]/}")
done <<<"$ROUTES"
[[ -z ${OPENAPI:-} ]] || arguments+=(--openapi "$OPENAPI")
[[ -z ${ALLOW:-} ]] || arguments+=(--allow "$ALLOW")
read -r -a more <<<"${ARGUMENTS:-}"
mkdir -p attack-reports
exec "$AUTHORITY_APP" attack "${arguments[@]}" ${more[@]+"${more[@]}"} --json attack-reports/attack.json \
  --junit attack-reports/attack.xml --sarif attack-reports/attack.sarif --html attack-reports/attack.html
