/** @file What kind of browser this is, as far as people need to be told where to tap: never to switch features.
 *
 * Pure but for the `userAgent` it is given. Used by views to choose instructions.
 */

/** @typedef {'ios' | 'android' | 'firefox' | 'desktop' | 'inapp'} Kind */

/** @param {string} userAgent @param {number} touchPoints iPads say they are Macs, but have a touch screen @returns {Kind} */
export function browserKind(userAgent, touchPoints) {
  // Browsers inside WeChat, QQ, Alipay, DingTalk, Facebook, Instagram, Line often have no microphone: the page must be opened elsewhere.
  if (/MicroMessenger|\bQQ\/|AlipayClient|DingTalk|FBA[NV]|Instagram|\bLine\//.test(userAgent)) return 'inapp';
  if (/iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && touchPoints > 1)) return 'ios';
  if (/Firefox\//.test(userAgent)) return 'firefox';
  return /Android/.test(userAgent) ? 'android' : 'desktop';
}

/** This browser. */
export function thisBrowser() {
  return browserKind(navigator.userAgent, navigator.maxTouchPoints);
}
