/** @file Making elements: text is always text (never parsed as HTML), styles come from classes only, as the Content-Security-Policy demands.
 *
 * Knows nothing of tongchuan. Used by every view.
 */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Props
 *   `on…` functions are listeners; true and false set and leave out an attribute; the rest are attributes.
 * @typedef {Node | string | null | undefined | false} Child
 */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Props} [props] @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

/** Stroked pictures on a grid of 24, drawn for this page. */
const PATHS = {
  mic: 'M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5 11a7 7 0 0 0 14 0M12 18v3',
  micOff: 'M9 9v3a3 3 0 0 0 4.6 2.5M15 11V6a3 3 0 0 0-5.7-1.3M5 11a7 7 0 0 0 11.5 5.4M19 11a7 7 0 0 1-.6 2.8M12 18v3M4 4l16 16',
  keyboard: 'M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M18 10h.01M8 14h8',
  send: 'M4 12l16-8-6 16-3-7z',
  volume: 'M4 9v6h4l5 4V5L8 9zM16.5 8.5a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12',
  volumeOff: 'M4 9v6h4l5 4V5L8 9zM17 10l4 4M21 10l-4 4',
  menu: 'M4 7h16M4 12h16M4 17h16',
  close: 'M6 6l12 12M18 6L6 18',
  expand: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  rotate: 'M4 12a8 8 0 0 1 13.7-5.6L20 9M20 4v5h-5M20 12a8 8 0 0 1-13.7 5.6L4 15M4 20v-5h5',
  again: 'M7 5v14l12-7z',
  globe: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18',
  share: 'M12 15V4M8 7l4-4 4 4M5 12v8h14v-8',
  down: 'M6 10l6 6 6-6',
  swap: 'M7 4L4 7l3 3M4 7h13M17 14l3 3-3 3M20 17H7',
};

/** @typedef {keyof typeof PATHS} IconName */

/** A picture beside a text or under an aria-label; hidden from screen readers. @param {IconName} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

/** A picture from a path, black on white. @param {string} path @param {number} size of the square it is drawn in @param {Record<string, string>} attributes */
export function picture(path, size, attributes) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  const shape = document.createElementNS(SVG, 'path');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}

/**
 * A button with a picture; with `label` only for screen readers, with `text` for everybody.
 * @param {IconName | null} name @param {{label?: string, text?: string}} words @param {Props} props
 */
export function button(name, words, props) {
  const text = words.text ? h('span', {}, words.text) : null;
  return h('button', { type: 'button', 'aria-label': words.label, title: words.label, ...props }, name && icon(name), text);
}

/**
 * A choice from a list.
 * @param {readonly (readonly [string, string])[]} options value and text @param {string} chosen @param {Props} props @param {(value: string) => void} onChoose
 */
export function select(options, chosen, props, onChoose) {
  const element = h('select', props, ...options.map(([value, text]) => h('option', { value, selected: value === chosen }, text)));
  element.addEventListener('change', () => onChoose(element.value));
  return element;
}

/** Under its words a control: the label names it. @param {string} text @param {HTMLElement} control @param {string} [hint] */
export function field(text, control, hint) {
  return h('label', { class: 'field' }, h('span', { class: 'field-name' }, text), control, hint ? h('span', { class: 'hint' }, hint) : null);
}

/** Sets the text only when it differs: a live region announces each change. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
