// Each provider: how it is, what happened to it lately, and an operator's hand on it.

import { h } from '../element.js';
import { count, duration, second, share } from '../format.js';
import { HOLDS, LAST, STATES } from '../words.js';
import { band } from './band.js';
import { holdButtons } from './hold.js';
import { targets } from './targets.js';

export function providers(state, actions) {
  return h.section(
    { key: 'providers', class: 'panel', 'aria-labelledby': 'providers' },
    h.header(
      h.h2({ id: 'providers' }, 'Providers'),
      h.p({ class: 'note' }, `state now, and over ${LAST[state.overview.range]}`),
    ),
    h.ul(
      { class: 'providers' },
      state.overview.providers.map((provider) => row(provider, state, actions)),
    ),
  );
}

function row(provider, state, actions) {
  const { name } = provider;
  const isOpen = state.expanded.has(name);
  return h.li(
    { key: name, class: isOpen ? 'provider expanded' : 'provider' },
    h.button(
      {
        class: 'summary',
        'aria-expanded': String(isOpen),
        'aria-controls': `of-${name}`,
        onclick: () => actions.toggle('expanded', name),
      },
      h.span({ class: 'name' }, name, also(provider)),
      h.span({ class: 'how' }, pill(provider), h.span({ class: 'why' }, why(provider, state))),
      asked(provider, state),
      h.span({ class: 'chevron', 'aria-hidden': 'true' }),
    ),
    band(provider, state.overview),
    isOpen && details(provider, state, actions),
  );
}

function also(provider) {
  const others = provider.names.filter((name) => name !== provider.name);
  return others.length > 0 && h.small(`also ${others.join(', ')}`);
}

function pill(provider) {
  const { label, tone } = HOLDS[provider.held] ?? STATES[provider.state];
  return h.span({ class: `pill ${tone}` }, label);
}

/** One line under the state: how much of it is concerned, why, and for how long. */
function why(provider, state) {
  if (provider.held === 'open')
    return provider.in_flight ? `${count(provider.in_flight)} calls under way end` : 'no call is under way';
  if (provider.held === 'closed') return HOLDS.closed.means;
  const check = state.overview.checks[provider.name];
  if (provider.state === 'closed')
    return check && !check.healthy && check.state !== 'reachable' ? `health check: ${check.reason}` : '';
  const part =
    provider.affected < provider.lane_count ? `${provider.affected} of ${provider.lane_count} targets` : '';
  const again = provider.again_in >= 1 ? `again in ${duration(provider.again_in)}` : '';
  return [part, provider.reason, again].filter(Boolean).join(' · ');
}

function asked(provider, state) {
  const found = provider.names.map((name) => state.overview.history?.asked[name]).filter(Boolean);
  if (!found.length) return h.span({ class: 'asked' }, '');
  const attempts = found.reduce((sum, each) => sum + each.attempts, 0);
  const failed = found.flatMap((each) => Object.values(each.failures)).reduce((sum, each) => sum + each, 0);
  return h.span(
    { class: 'asked' },
    h.span(`${count(attempts)} attempts`),
    h.span({ class: failed ? 'bad' : 'note' }, failed ? `${share(failed, attempts)} failed` : 'none failed'),
  );
}

function details(provider, state, actions) {
  const check = state.overview.checks[provider.name];
  return h.div(
    { id: `of-${provider.name}`, class: 'details' },
    h.div(
      { class: 'hold-all' },
      h.p(
        h.strong(`All of ${provider.name}`),
        h.span({ class: 'note' }, (HOLDS[provider.held] ?? STATES[provider.state]).means),
      ),
      holdButtons(provider.name, provider.held, actions),
    ),
    check &&
      h.p(
        { class: 'note' },
        `Health check: ${check.state}, ${check.reason} (${duration(check.seconds)}, at ${second(check.at)})`,
      ),
    targets(provider, actions),
  );
}
