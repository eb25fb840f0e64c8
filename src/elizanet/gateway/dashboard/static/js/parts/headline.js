// What is going on, in the gateway's own words.

import { h } from '../element.js';
import { time } from '../format.js';

const SIGNS = { idle: '·', calm: '✓', notice: '!', trouble: '!', outage: '✕' };

export function headline(state) {
  const { level, text, more } = state.overview.headline;
  document.title = `${level === 'calm' || level === 'idle' ? '' : `${SIGNS[level]} `}${written(text)} · elizanet`;
  return h.section(
    { key: 'headline', class: `headline ${level}`, 'aria-live': 'polite' },
    h.span({ class: 'sign', 'aria-hidden': 'true' }, SIGNS[level]),
    h.div(
      h.h1(written(text)),
      more.map((sentence) => h.p(written(sentence))),
    ),
  );
}

/** A sentence is texts and moments; a moment is written as a time of the reader's day. */
const written = (sentence) => sentence.map((part) => (typeof part === 'number' ? time(part) : part)).join('');
