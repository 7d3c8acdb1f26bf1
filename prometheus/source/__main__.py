"""`python -m prometheus.source`: writes the rule file of each SLO."""

from prometheus.source.slo import RULES, render, specifications

if __name__ == "__main__":
    for slo in specifications():
        path = RULES / f"slo-{slo['name']}.yml"
        path.write_text(render(slo), encoding="utf-8")
        print(path)
