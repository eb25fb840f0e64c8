// One call: who was asked and how that went, who was passed over, and what was said if it was kept.

import { h } from '../element.js';
import { count, duration, moment, money } from '../format.js';
import { ANONYMOUS, OUTCOMES, reason, words } from '../words.js';
import { waterfall } from './waterfall.js';

export function callDialog({ call }, actions) {
  return h.div(
    { key: call.id, class: 'body' },
    h.header(
      h.h2({ id: 'call-title' }, 'Call'),
      h.code(call.id),
      h.button(
        {
          class: 'close',
          'aria-label': 'Close',
          autofocus: true,
          onclick: (event) => event.currentTarget.closest('dialog').close(),
        },
        '×',
      ),
    ),
    content(call),
  );
}

function content({ record, trouble }) {
  if (trouble) return h.p({ class: 'empty' }, `The call cannot be shown: ${trouble}.`);
  if (!record) return h.p({ class: 'empty' }, 'Asking …');
  return [
    h.p(
      { class: 'said' },
      h.span({ class: `pill ${OUTCOMES[record.outcome].tone}` }, OUTCOMES[record.outcome].label),
      sentence(record),
    ),
    facts(record),
    h.h3('Attempts'),
    waterfall(record),
    record.passed_over.length > 0 && [h.h3('Passed over'), passedOver(record.passed_over)],
    text('What was asked', record.request),
    text('What was answered', record.answer),
  ];
}

function sentence(record) {
  const took = duration(record.seconds);
  const instead = record.fallback_reason
    ? `, in place of ${record.targets[0] ?? 'its first choice'} (${words(record.fallback_reason)})`
    : '';
  if (record.outcome === 'answered')
    return `by ${record.provider}/${record.provider_model} in ${took}${instead}`;
  return `${record.failure_class ? words(record.failure_class) : 'it ended'} after ${took}`;
}

function facts(record) {
  const known = {
    Asked: moment(record.at),
    Model: record.model,
    Kind: `${words(record.operation)}${record.stream ? ', stream' : ''}`,
    Caller: record.caller === ANONYMOUS ? null : record.caller,
    Chain: `${record.chain}: ${record.targets.join(' → ') || '–'}`,
    'First content': record.first_content === null ? null : duration(record.first_content),
    Tokens: tokens(record),
    Cost: record.cost === null ? null : cost(record),
    Hedged: record.hedged ? 'a second attempt ran beside an overdue one' : null,
  };
  return h.dl(
    { class: 'facts' },
    Object.entries(known)
      .filter(([, value]) => value)
      .map(([name, value]) => h.div({ key: name }, h.dt(name), h.dd(value))),
  );
}

function tokens({ prompt_tokens: prompt, completion_tokens: completion, estimated }) {
  if (prompt === null && completion === null) return null;
  return `${count(prompt ?? 0)} in the prompt, ${count(completion ?? 0)} in the answer${estimated ? ' (estimated)' : ''}`;
}

function cost({ cost: sum, extra_cost: extra }) {
  return extra
    ? `${money(sum)}, ${money(Math.abs(extra))} ${extra > 0 ? 'more' : 'less'} than the first choice`
    : money(sum);
}

function passedOver(skipped) {
  return h.ul(
    { class: 'passed' },
    skipped.map((each, place) =>
      h.li(
        { key: place },
        h.strong(`${each.provider}/${each.model}`),
        `: ${reason(each.reason)}`,
        each.retry_after_s !== null && `, for ${duration(each.retry_after_s)} more`,
        each.detail && h.small(each.detail),
      ),
    ),
  );
}

function text(title, content) {
  return content !== null && [h.h3(title), h.pre({ tabindex: 0 }, content)];
}
