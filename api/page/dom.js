// The little that is needed to build and change elements; everything that is shown goes through textContent.

export function node(tag, attributes = {}, ...children) {
  const { svg, on, ...rest } = attributes;
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(rest)) if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  for (const [event, listener] of Object.entries(on ?? {})) element.addEventListener(event, listener);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const shape = (tag, attributes, ...children) => node(tag, { svg: true, ...attributes }, ...children);

// Only what differs is touched: what has the focus keeps it, a screen reader is not disturbed.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, classes) {
  for (const [name, wanted] of Object.entries(classes)) element.classList.toggle(name, Boolean(wanted));
}

// Children in the order of `items`; one element for each key, made once and changed from then on.
export function keyed(parent, items, key, make, change) {
  parent.parts ??= new Map();
  const before = parent.parts, after = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const element = before.get(name) ?? make(item);
    after.set(name, element);
    change?.(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const [name, element] of before) if (!after.has(name)) element.remove();
  parent.parts = after;
}
