// A page as a value: `h` describes elements, `render` makes a node's content be like that.
//
//     render(node, h.p({ class: 'note' }, 'Hello ', h.strong('world')));
//
// What is there already is kept and only what differs is changed, so that focus, selection and
// scrolling stay where they are. Children with a `key` are found again wherever they have moved.

const SVG = 'http://www.w3.org/2000/svg';

const make = (_, tag) => (...given) => describe(tag, ...given);

/** Has a function for each tag; its first argument may be properties, the others are children. */
export const h = new Proxy({}, { get: make });

function describe(tag, first, ...others) {
  const hasProperties = first !== null && typeof first === 'object' && !Array.isArray(first) && !first.tag;
  const children = hasProperties ? others : [first, ...others];
  return { tag, properties: hasProperties ? first : {}, children: flat(children) };
}

export function render(node, ...children) {
  const described = flat(children);
  const kept = keep(node, new Set(described.map(keyOf)));
  described.forEach((wanted, place) => {
    const here = node.childNodes[place];
    const found = kept.get(keyOf(wanted)) ?? here;
    const fit = found && isLike(found, wanted) ? found : null;
    const child = fit ?? create(wanted, node);
    if (child !== here) node.insertBefore(child, here ?? null);
    if (fit) update(child, wanted);
  });
  while (node.childNodes.length > described.length) node.lastChild.remove();
}

const keyOf = (wanted) => wanted?.properties?.key;

/** Drop the children whose key is not wanted any more; return the others by their keys. */
function keep(node, wanted) {
  const kept = new Map();
  for (const child of [...node.childNodes]) {
    const key = keyOf(child.described);
    if (key === undefined) continue;
    if (wanted.has(key)) kept.set(key, child);
    else child.remove();
  }
  return kept;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

function isLike(node, wanted) {
  if (!wanted.tag) return node.nodeType === Node.TEXT_NODE;
  return node.described?.tag === wanted.tag && keyOf(node.described) === keyOf(wanted);
}

function create(wanted, parent) {
  if (!wanted.tag) return document.createTextNode(wanted);
  const namespace = wanted.tag === 'svg' ? SVG : parent.namespaceURI;
  const node = document.createElementNS(namespace, wanted.tag);
  node.described = { tag: wanted.tag, properties: {} };
  update(node, wanted);
  return node;
}

function update(node, wanted) {
  if (!wanted.tag) {
    if (node.data !== String(wanted)) node.data = wanted;
    return;
  }
  const before = node.described.properties;
  for (const name of new Set([...Object.keys(before), ...Object.keys(wanted.properties)])) {
    if (before[name] !== wanted.properties[name]) assign(node, name, wanted.properties[name]);
  }
  node.described = wanted;
  render(node, wanted.children);
}

function assign(node, name, value) {
  if (name === 'key') return;
  if (name.startsWith('on')) node[name] = value ?? null;
  else if (name === 'checked') node.checked = Boolean(value);
  else if (name === 'style')
    Object.entries(value ?? {}).forEach(([key, text]) => node.style.setProperty(key, text));
  else if (value === undefined || value === null || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? '' : value);
}
