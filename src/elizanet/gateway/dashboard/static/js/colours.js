// Every provider has a colour, by its place in the settings; its models are shades of it.

const COLOURS = 7;
const SHADES = 3;

/** Return the targets in the order of their providers, each with its classes; "" is nobody. */
export function coloured(targets, providers) {
  const order = providers.flatMap((provider) => provider.names);
  const place = (target) =>
    target ? (order.indexOf(providerOf(target)) + order.length) % order.length : order.length;
  const seen = new Map();
  return [...targets]
    .sort((a, b) => place(a) - place(b))
    .map((target) => {
      if (!target) return { target, colour: 'nobody' };
      const shade = seen.get(place(target)) ?? 0;
      seen.set(place(target), shade + 1);
      return { target, colour: `series-${place(target) % COLOURS} shade-${shade % SHADES}` };
    });
}

const providerOf = (target) => target.split('/')[0];
