// Numbers, times and sums as people read them. What is not known is a dash.

const DASH = '–';

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const exact = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short', hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

const date = (moment) => new Date(moment * 1000);
const isToday = (moment) => date(moment).toDateString() === new Date().toDateString();

export const count = (number) => whole.format(number);

export const compact = (number) => (number < 10_000 ? whole.format(number) : short.format(number));

export const time = (moment) => (isToday(moment) ? clock : weekday).format(date(moment));

export const timeOfDay = (moment) => clock.format(date(moment));

export const dayOfWeek = (moment) => day.format(date(moment));

export const second = (moment) => (isToday(moment) ? exact.format(date(moment)) : full.format(date(moment)));

export const moment = (at) => full.format(date(at));

/** A part of a whole; only nothing is 0 %, and only everything 100 %. */
export function share(part, total) {
  if (!total) return DASH;
  const percent = (100 * part) / total;
  if (percent > 0 && percent < 0.1) return '< 0.1 %';
  if (percent < 100 && percent > 99.9)
    return percent > 99.99 ? '> 99.99 %' : `${Math.floor(percent * 100) / 100} %`;
  return `${percent < 10 || percent > 90 ? trimmed(percent, 1) : Math.round(percent)} %`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return DASH;
  if (seconds < 0.01) return `${trimmed(seconds * 1000, 1)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${trimmed(seconds, 2)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${trimmed(seconds / 3600, 1)} h`;
}

export function money(dollars) {
  if (!dollars) return '$0';
  if (Math.abs(dollars) < 0.01) return `$${dollars.toPrecision(2)}`;
  return Math.abs(dollars) < 1000 ? `$${dollars.toFixed(2)}` : `$${short.format(dollars)}`;
}

function trimmed(number, digits) {
  return String(Number(number.toFixed(digits)));
}
