#!/bin/sh
# Runs the paper's evaluation, every figure, and writes output/paper.md: published, ours, the difference, and why.
# SIM is the binary; without it, cargo builds and runs it.
set -eu
cd "$(dirname "$0")/../.."
sim=${SIM:-cargo run --release --quiet --}
page=output/paper.md
mkdir -p output
{
    echo "| scenario | figure | system | what | published | ours | difference | why they differ |"
    echo "|---|---|---|---|---|---|---|---|"
} > "$page.part"
for scenario in $(grep -l '^\[\[system\]\]' scenarios/paper/*.toml); do
    $sim compare --quiet "$scenario"
    cat "output/$(basename "$scenario" .toml)/published.md" >> "$page.part"
done
for figure in fig12 fig13; do
    for model in published exact; do
        {
            printf '\n%s, the %s model\n\n```\n' "$figure" "$model"
            $sim run --quiet --model "$model" --out "output/$figure-$model" "scenarios/paper/$figure.toml"
            echo '```'
        } >> "$page.part"
    done
done
mv "$page.part" "$page"
echo "$page"
