"""Verifiers: error rates as measured by people, verdicts by rule, disagreements, slowest verdicts."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, one_line, visible
from rollmill.dashboards.parts.charts import OUTCOME_COLOURS, PALETTE, AnyChart, chart_of_rows, count_axis, number_tips
from rollmill.dashboards.parts.verifier_rates import interval, show_rates
from rollmill.dashboards.session.address import OPEN, explore_link, link
from rollmill.dashboards.session.kept import index_of, kept, kept_of
from rollmill.dashboards.session.scope import choose_scope, scope_label
from rollmill.dashboards.units import counted
from rollmill.storage.queries import KnownRates, Reader, Scope, named_scope, scope_rates, version_manifest
from rollmill.storage.queries.judge.verifiers import RuleCount, VerifierAccount, rates_by_rule, verifier_account

TABS = ("Errors", "Rules", "Disagreements", "Slowest")
RULES = {
    "verifier": st.column_config.TextColumn(width=140),  # versions are long
    **{
        name: st.column_config.NumberColumn(format="localized", width=86)
        for name in ("verdicts", "correct", "incorrect", "unparsed", "undecided")
    },
    "CPU s": st.column_config.NumberColumn(format="%.2f", width=72, help="processor seconds of all these verdicts"),
    "p99 ms": st.column_config.NumberColumn(
        format="%.3f", width=72, help="processor milliseconds that one verdict in a hundred takes longer than"
    ),
}
ERRORS = (("false_accept_rate", "false accepts"), ("false_reject_rate", "false rejects"))


def show() -> None:
    """Draw the page."""
    st.title("Verifiers")
    scope = choose_scope()
    if scope is None:
        return
    errors, rules, disagreements, slowest = st.tabs(TABS, key="view", bind="query-params")
    with errors:
        if errors.open:
            _errors(scope)
    for tab, draw in ((rules, _rules), (disagreements, _disagreements), (slowest, _slowest)):
        with tab:
            if tab.open:
                draw(kept(_account, scope), scope_label(scope))


def _account(scope: Scope) -> VerifierAccount:
    return verifier_account(index_of(scope))


def _errors(scope: Scope) -> None:
    """The rates of audits, as in `rollmill audit show`, also by rule; without audits, the command that draws one."""
    known = kept_of(scope.reader, _known, scope.name)  # people judge versions and ended runs too
    audited = [rates for rates in known if rates.report is not None]
    if any((rates.report or {})["overall"][key] is not None for rates in audited for key, _ in ERRORS):
        st.altair_chart(_error_chart(audited), width="stretch")
        st.caption("Error rates of the audited verifiers, judged by people. Rules: 95% intervals, stratified sample.")
    show_rates(known)
    for rates in audited:
        _errors_by_rule(scope, rates)
    unaudited = dict.fromkeys(rates.verifier for rates in known if rates.report is None)
    run = scope.run.id if scope.run is not None else version_manifest(scope.reader, scope.name).get("run", "RUN")
    if unaudited:
        link("New run", "Draw an audit", icon=":material/fact_check:", what="Audit", run=run)
    for verifier in unaudited:
        st.code(f"rollmill audit verifier {visible(verifier)} --run {run} --n 300", language=None)


def _known(source: Reader, name: str) -> list[KnownRates]:
    scope = named_scope(source, name)
    return [] if scope is None else scope_rates(scope)


def _errors_by_rule(scope: Scope, rates: KnownRates) -> None:
    audits = scope.reader.audits
    by_rule = rates_by_rule(audits, audits.get(str(rates.audit)))
    st.subheader(f"{inert(rates.verifier)} by rule")
    rows = [
        {
            "rule": visible(rule),
            "rollouts": row["rollouts"],
            "accepted": row["accepted"],
            "audited": row["audited"],
            **{label: interval(row[key]) for key, label in (*ERRORS, ("precision_accepted", "precision, accepted"))},
        }
        for rule, row in by_rule.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
    st.caption(
        "The comparison that decided; `other`: rules too rare for strata of their own. 95% intervals over the audited "
        "rollouts of each rule alone."
    )


def _error_chart(audited: Sequence[KnownRates]) -> AnyChart:
    rows = [
        {
            "verifier": one_line(rates.verifier, 60),
            "error": label,
            **{end: rate[end] for end in ("value", "low", "high", "n")},
        }
        for rates in audited
        for key, label in ERRORS
        if (rate := (rates.report or {})["overall"][key]) is not None
    ]
    frame = pd.DataFrame(rows, columns=["verifier", "error", "value", "low", "high", "n"])
    labels = [label for _, label in ERRORS]
    base = alt.Chart(frame).encode(
        y=alt.Y("verifier:N", title=None),
        yOffset=alt.YOffset("error:N", sort=labels),
        color=alt.Color(
            "error:N",
            title=None,
            legend=alt.Legend(orient="top"),
            scale=alt.Scale(domain=labels, range=[PALETTE[5], PALETTE[0]]),
        ),
        tooltip=["verifier", "error", *number_tips(("value", "low", "high"), ".2%"), "n"],
    )
    axis = alt.Axis(format="%")
    rules = base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", title="share of rollouts", axis=axis), x2="high:Q")
    points = base.mark_point(filled=True, size=90, opacity=1).encode(x=alt.X("value:Q", axis=axis))
    return chart_of_rows(alt.layer(rules, points), frame["verifier"].nunique(), 22 * len(labels) * 5 // 4)


def _rules(account: VerifierAccount, of: str) -> None:
    if not account.rules:
        st.info("No verdict yet.")
        return
    st.altair_chart(_rule_chart(account.rules), width="stretch")
    st.caption("Verdicts by the rule that gave them and their outcome; counts, not estimates.")
    rows = [
        {
            "verifier": visible(f"{row.verifier} {row.version}"),
            "rule": visible(row.rule or "none"),
            "verdicts": row.verdicts,
            **{outcome: getattr(row, outcome) for outcome in ("correct", "incorrect", "unparsed", "undecided")},
            "CPU s": row.seconds,
            "p99 ms": None if row.p99 is None else 1000 * row.p99,
            "open": explore_link(of, rows="rollouts", rule=row.rule or None),
        }
        for row in account.rules
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", column_config={**OPEN, **RULES}, placeholder="")


def _rule_chart(rules: Sequence[RuleCount]) -> AnyChart:
    outcomes = ("correct", "incorrect", "unparsed", "undecided")
    rows = [
        {"rule": f"{row.verifier}: {one_line(row.rule or 'none', 60)}", "outcome": name, "verdicts": getattr(row, name)}
        for row in rules
        for name in outcomes
        if getattr(row, name)
    ]
    colours = alt.Scale(domain=list(outcomes), range=[OUTCOME_COLOURS[name] for name in outcomes])
    frame = pd.DataFrame(rows, columns=["rule", "outcome", "verdicts"])
    chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            y=alt.Y("rule:N", title=None, sort=None, axis=alt.Axis(labelLimit=280)),
            x=alt.X("verdicts:Q", title="verdicts", axis=count_axis()),
            color=alt.Color("outcome:N", title=None, scale=colours, legend=alt.Legend(orient="top")),
            order=alt.Order("outcome:O"),
            tooltip=["rule", "outcome", alt.Tooltip("verdicts:Q", format=",")],
        )
    )
    return chart_of_rows(chart, frame["rule"].nunique(), 22)


def _disagreements(account: VerifierAccount, of: str) -> None:
    """Rollouts on which two verifiers disagree, of those that both judged."""
    if not account.agreements:
        st.info("No rollout here was judged by two verifiers. A recipe with several under `verify:` asks all of them by:")
        st.code("accept: {method: all_of}", language="yaml")
        return
    pairs: dict[tuple[str, str], list[Any]] = {}
    for row in account.agreements:
        pairs.setdefault((row.one, row.other), []).append(row)
    for (first, second), rows in pairs.items():
        both = sum(row.rollouts for row in rows)
        differ = sum(row.rollouts for row in rows if row.said != row.other_said)
        st.markdown(
            f"**{inert(first)}** and **{inert(second)}** differ on {differ:,} of {counted(both, 'rollout')} "
            f"({differ / both:.2%})."
        )
        table = pd.DataFrame([(row.said, row.other_said, row.rollouts) for row in rows], columns=["said", "other", "n"])
        wide = table.pivot_table(index="said", columns="other", values="n", aggfunc="sum", fill_value=0)
        wide.index = pd.Index([f"{visible(first)}: {outcome}" for outcome in wide.index])
        wide.columns = pd.Index([f"{visible(second)}: {outcome}" for outcome in wide.columns])
        st.dataframe(wide, width="stretch")
    if not account.disagreements:
        return
    st.subheader("By the rules that differ")
    rows = [
        {
            "verifiers": visible(f"{row.one} / {row.other}"),
            "said": f"{row.said} / {row.other_said}",
            "rules": visible(f"{row.rule or 'none'} / {row.other_rule or 'none'}"),
            "rollouts": row.rollouts,
            "open": explore_link(of, problem=row.problem_id),
        }
        for row in account.disagreements
    ]
    columns = {"open": st.column_config.LinkColumn("Explore", display_text="one of them", width="small")}
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=columns)


def _slowest(account: VerifierAccount, of: str) -> None:
    if not account.slowest:
        st.info("No verdict has a time: those of imports and of caches have none.")
        return
    rows = [
        {
            "CPU ms": 1000 * row.seconds,
            "verifier": visible(row.verifier),
            "rule": visible(row.rule or "none"),
            "outcome": row.outcome,
            "open": explore_link(of, problem=row.problem_id),
            "completion": row.completion_id,
        }
        for row in account.slowest
    ]
    numbers = {"CPU ms": st.column_config.NumberColumn(format="%.2f")}
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", column_config={**OPEN, **numbers})
    st.caption(
        "Processor time of single verdicts, the longest first. A limit makes an undecided verdict, never a wrong one."
    )
