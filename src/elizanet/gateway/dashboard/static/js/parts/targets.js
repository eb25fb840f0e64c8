// What is known of each model at a provider, through each key.

import { h } from '../element.js';
import { count, duration, share } from '../format.js';
import { HOLDS, STATES } from '../words.js';
import { holdButtons } from './hold.js';

export function targets(provider, actions) {
  if (!provider.lanes.length)
    return h.p({ class: 'empty' }, 'No call has come to it since the gateway started.');
  const hasKeys = new Set(provider.lanes.map((lane) => lane.key)).size > 1;
  const left = provider.lane_count - provider.lanes.length;
  return h.div(
    { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': `Targets of ${provider.name}` },
    h.table(
      { class: 'targets' },
      h.thead(
        h.tr(
          [
            'Model',
            hasKeys && 'Key',
            'State',
            'Succeeds',
            'First content',
            'Whole answer',
            'Under way',
            'Use',
          ]
            .filter(Boolean)
            .map((title) =>
              h.th({ key: title, scope: 'col', class: NUMBERS.has(title) ? 'number' : null }, title),
            ),
        ),
      ),
      h.tbody(provider.lanes.map((lane) => row(provider, lane, hasKeys, actions))),
    ),
    left > 0 && h.p({ class: 'note' }, `${count(left)} more targets are well.`),
  );
}

const NUMBERS = new Set(['Succeeds', 'First content', 'Whole answer', 'Under way']);

function row(provider, lane, hasKeys, actions) {
  const { label, tone } = HOLDS[lane.forced] ?? STATES[lane.state];
  const target = `${provider.name}/${lane.model}`;
  return h.tr(
    { key: `${lane.key} ${lane.operation} ${lane.model}` },
    h.th({ scope: 'row' }, lane.model, h.small(lane.operation)),
    hasKeys && h.td(lane.key),
    h.td(
      { title: lane.reason || null },
      h.span({ class: `pill ${tone}` }, label),
      lane.again_in >= 1 && h.small(`again in ${duration(lane.again_in)}`),
    ),
    h.td({ class: 'number' }, lane.success_rate === null ? '–' : share(lane.success_rate, 1)),
    h.td({ class: 'number' }, duration(lane.first_content)),
    h.td({ class: 'number' }, duration(lane.answer_time)),
    h.td({ class: 'number' }, `${count(lane.in_flight)} of ${count(lane.limit)}`),
    h.td(holdButtons(target, provider.held_models[lane.model] ?? null, actions)),
  );
}
