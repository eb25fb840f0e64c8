// Shapes in a space that is a step wide for each value, and one high for the top of the scale.

import { h } from '../element.js';

const GAP = 0.16;

/** Columns of several values on top of each other; the first series stands at the bottom. */
export function stacks(series, top) {
  const heights = new Array(series[0]?.values.length ?? 0).fill(0);
  return series.map(({ name, colour, values }) =>
    h.path({
      key: name,
      class: `stack ${colour}`,
      d: values.map((value, step) => column(step, heights, value ?? 0, top)).join(''),
    }),
  );
}

function column(step, heights, value, top) {
  if (!value) return '';
  const from = heights[step] / top;
  heights[step] += value;
  const height = value / top;
  return `M${step + GAP / 2} ${1 - from}v${-height}h${1 - GAP}v${height}z`;
}

/** A line for each series, in the middle of the steps; it pauses where nothing is known. */
export function lines(series, top) {
  return series.map(({ name, colour, values }) =>
    h.path({ key: name, class: `line ${colour}`, d: path(values, top) }),
  );
}

function path(values, top) {
  let isDown = false;
  return values
    .map((value, step) => {
      if (value === null) {
        isDown = false;
        return '';
      }
      const point = `${isDown ? 'L' : 'M'}${step + 0.5} ${1 - Math.min(value, top) / top}`;
      const alone = !isDown && values[step + 1] == null ? 'h0.001' : '';
      isDown = true;
      return point + alone;
    })
    .join('');
}
