// The few numbers that say how much was asked and how it went.

import { h } from '../element.js';
import { compact, count, duration, money, share } from '../format.js';
import { LAST } from '../words.js';

export function figures(state) {
  const { history, range } = state.overview;
  if (!history) return null;
  const sums = history.totals;
  const lost = sums.failed + sums.broken;
  const tokens = sums.prompt_tokens + sums.completion_tokens;
  return h.section(
    { key: 'figures', 'aria-label': `Sums of ${LAST[range]}` },
    h.dl(
      { class: 'figures' },
      figure('Calls', compact(sums.calls), `in ${LAST[range]}`),
      figure(
        'Answered',
        share(sums.calls - lost - sums.left, sums.calls - sums.left),
        lost ? `${count(lost)} without an answer` : 'none was lost',
        lost && 'bad',
      ),
      figure(
        'By a fallback',
        share(sums.fallbacks, sums.calls),
        sums.fallbacks ? `${count(sums.fallbacks)} calls` : 'first choices only',
        sums.fallbacks && 'warn',
      ),
      figure(
        'Time to the answer',
        duration(sums.seconds_p50),
        `p95 ${duration(sums.seconds_p95)} · p99 ${duration(sums.seconds_p99)}`,
      ),
      figure(
        'First content',
        duration(sums.first_content_p50),
        `p95 ${duration(sums.first_content_p95)} · p99 ${duration(sums.first_content_p99)}`,
      ),
      figure('Cost', money(sums.cost), costNote(sums, tokens)),
    ),
  );
}

function costNote(sums, tokens) {
  const extra = sums.extra_cost;
  if (Math.abs(extra) < 1e-9) return `${compact(tokens)} tokens`;
  return `${money(Math.abs(extra))} ${extra > 0 ? 'more' : 'less'} by fallbacks`;
}

function figure(name, value, note, tone) {
  return h.div(
    { key: name, class: tone ? `figure ${tone}` : 'figure' },
    h.dt(name),
    h.dd(value),
    h.dd({ class: 'note' }, note),
  );
}
