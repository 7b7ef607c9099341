/** Copying a text that is still to come. */

/** Must be called in the press itself: WebKit lets nobody write later, but for a text that was promised then. Firefox before 127 has no ClipboardItem. */
export async function copy(text: Promise<string>): Promise<boolean> {
  try {
    if ('ClipboardItem' in window) await navigator.clipboard.write([new ClipboardItem({ 'text/plain': text.then((plain) => new Blob([plain], { type: 'text/plain' })) })]);
    else await navigator.clipboard.writeText(await text);
    return true;
  } catch { // not allowed, or the page is not a secure one
    return false;
  }
}
