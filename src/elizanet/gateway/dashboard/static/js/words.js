// What the page calls things; the names are those of settings, records and logs.

export const STATES = {
  closed: { label: 'In use', tone: 'good', means: 'It answers; calls go to it as its chains say.' },
  half_open: {
    label: 'Probing',
    tone: 'info',
    means: 'One call at a time tries it; three answers in a row bring it back.',
  },
  open: {
    label: 'Open',
    tone: 'bad',
    means: 'It has failed too often. Calls go elsewhere until a probe is answered.',
  },
  rate_limited: { label: 'Rate limited', tone: 'warn', means: 'It has said when it may be asked again.' },
  quarantined: {
    label: 'Quarantined',
    tone: 'odd',
    means: 'A key is not accepted, or a model does not exist. Somebody has to act.',
  },
  held: { label: 'Drained', tone: 'quiet', means: 'An operator has taken it out.' },
  idle: { label: 'Idle', tone: 'quiet', means: 'No call has come to it since the gateway started.' },
};

export const HOLDS = {
  open: { label: 'Drained', tone: 'quiet', means: 'An operator has taken it out.' },
  closed: {
    label: 'Kept in use',
    tone: 'warn',
    means: 'An operator keeps it in use, however often it fails.',
  },
};

export const OUTCOMES = {
  answered: { label: 'Answered', tone: 'good' },
  failed: { label: 'No answer', tone: 'bad' },
  broken: { label: 'Broke off', tone: 'bad' },
  left: { label: 'Caller left', tone: 'quiet' },
};

const REASONS = {
  key_quarantined: 'its key is not accepted',
  quota_exhausted: 'its quota is used up',
  target_quarantined: 'it does not have this model',
  rate_limited: 'it is rate limited',
  overloaded: 'it has no capacity',
  own_limit: 'our own limit for it is used up',
  full: 'it has as many calls as it takes',
  breaker_open: 'its breaker is open',
  other_model: 'its embeddings are another model’s',
};

export const ROLES = {
  again: 'once more at the same target',
  hedge: 'beside an attempt that was overdue',
  rescue: 'in place of one whose provider was found down',
  continuation: 'going on with a stream that had broken',
  panic: 'although nobody was thought to answer',
};

export const reason = (name) => REASONS[name] ?? words(name);

/** rate_limit -> rate limit */
export const words = (name) => name.replaceAll('_', ' ');

/** Who calls a gateway without keys. */
export const ANONYMOUS = 'anonymous';

/** The names that sums do not keep apart, together. */
export const OTHER = 'other';

export const RANGES = {
  '15m': '15 min',
  '1h': '1 h',
  '6h': '6 h',
  '24h': '24 h',
  '7d': '7 d',
};

export const LAST = {
  '15m': 'the last 15 minutes',
  '1h': 'the last hour',
  '6h': 'the last 6 hours',
  '24h': 'the last 24 hours',
  '7d': 'the last 7 days',
};
