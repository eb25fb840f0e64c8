// Who answered, why others had to, how long it took, what it cost.

import { frame } from '../chart/frame.js';
import { lines, stacks } from '../chart/shapes.js';
import { topOf } from '../chart/ticks.js';
import { coloured } from '../colours.js';
import { h } from '../element.js';
import { compact, duration, money } from '../format.js';
import { words } from '../words.js';

export function charts(state, actions) {
  const { history } = state.overview;
  if (!history) return null;
  const drawn = [answered, fallbacks, times, cost].map((make) =>
    frame({ history, ...make(history, state, actions) }, state, actions),
  );
  return h.div({ key: 'charts', class: 'charts' }, drawn);
}

function answered({ by_target: byTarget }, state) {
  const series = coloured(Object.keys(byTarget), state.overview.providers).map(({ target, colour }) => ({
    name: target || 'nobody',
    colour,
    values: byTarget[target],
  }));
  return {
    id: 'answered',
    title: 'Who answered',
    series,
    top: topOf(highest(series)),
    say: compact,
    draw: stacks,
    total: 'calls',
    empty: 'No calls in this time.',
  };
}

function fallbacks({ by_reason: byReason }) {
  const series = Object.entries(byReason).map(([name, values], place) => ({
    name: words(name),
    colour: `reason-${place}`,
    values,
  }));
  return {
    id: 'fallbacks',
    title: 'Fallbacks by reason',
    series,
    top: topOf(highest(series)),
    say: compact,
    draw: stacks,
    total: 'fallbacks',
    empty: 'Every call was answered by its first choice.',
  };
}

function times({ columns }, state, actions) {
  const ofStreams = state.alternatives.has('times');
  const prefix = ofStreams ? 'first_content' : 'seconds';
  const series = ['p99', 'p95', 'p50'].map((name) => ({
    name,
    colour: name,
    values: columns[`${prefix}_${name}`],
  }));
  return {
    id: 'times',
    title: 'How long it took',
    series,
    top: topOf(Math.max(0, ...series.flatMap(({ values }) => values))),
    say: duration,
    draw: lines,
    empty: ofStreams ? 'No streams in this time.' : 'No calls in this time.',
    controls: alternatives('times', ['Answer', 'First content'], state, actions),
  };
}

function cost({ columns, totals }, state, actions) {
  const hasPrices = totals.cost > 0;
  const inMoney = hasPrices && !state.alternatives.has('cost');
  const series = inMoney
    ? [
        {
          name: 'as the first choice',
          colour: 'series-0',
          values: columns.cost.map((sum, step) => sum - Math.max(0, columns.extra_cost[step])),
        },
        {
          name: 'more by fallbacks',
          colour: 'reason-0',
          values: columns.extra_cost.map((sum) => Math.max(0, sum)),
        },
      ]
    : [
        { name: 'prompts', colour: 'series-0', values: columns.prompt_tokens },
        { name: 'answers', colour: 'series-1', values: columns.completion_tokens },
      ];
  return {
    id: 'cost',
    title: inMoney ? 'What it cost' : 'Tokens',
    series,
    top: topOf(highest(series)),
    say: inMoney ? money : compact,
    draw: stacks,
    total: inMoney ? 'together' : 'tokens',
    empty: 'No tokens were counted in this time.',
    controls: hasPrices && alternatives('cost', ['Dollars', 'Tokens'], state, actions),
  };
}

/** The two ways in which a chart can be shown. */
function alternatives(id, [usual, other], state, actions) {
  const isOther = state.alternatives.has(id);
  const choice = (label, chosen) =>
    h.button(
      {
        key: label,
        class: 'quiet',
        'aria-pressed': String(chosen),
        onclick: () => chosen || actions.toggle('alternatives', id),
      },
      label,
    );
  return h.span(
    { class: 'switch', role: 'group', 'aria-label': 'What is shown' },
    choice(usual, !isOther),
    choice(other, isOther),
  );
}

/** The highest stack of several series. */
function highest(series) {
  const steps = series[0]?.values.length ?? 0;
  return Math.max(
    0,
    ...Array.from({ length: steps }, (_, step) =>
      series.reduce((sum, { values }) => sum + (values[step] ?? 0), 0),
    ),
  );
}
