// Where a scale ends, and which moments are written under a chart.

import { dayOfWeek, timeOfDay } from '../format.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DISTANCES = [
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
];
const MOST_TICKS = 7;
const LAST_PLACE = 0.93;
const TOPS = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];

/** The least round number that is not below a value. */
export function topOf(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return TOPS.find((top) => top * power >= value * 0.999) * power;
}

/** The moments to write, by the step that begins with them; midnight is local. */
export function ticksOf(history) {
  const { at, step } = history;
  const length = at.length * step;
  const distance = DISTANCES.find((seconds) => length / seconds <= MOST_TICKS) ?? DAY;
  const zone = new Date(at[0] * 1000).getTimezoneOffset() * MINUTE;
  const write = distance >= DAY ? dayOfWeek : timeOfDay;
  return at.flatMap((moment, place) => {
    const passed = (moment - zone) % distance;
    const hasRoom = place < at.length * LAST_PLACE;
    return passed < step && hasRoom ? [{ step: place, text: write(moment) }] : [];
  });
}
