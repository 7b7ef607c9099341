/** The window: an offer to decide on, an extension's parameters, or why there is neither. Offer and parameters are drawn by the second file. */
import { stateOf } from './answers';
import { type Child, h } from './dom';
import { button, contact, number } from './parts';
import { type Acts, type Scene, type Sheet, why } from './scene';

interface Parts { heading: string; content: Child[]; status: string[]; warn: boolean; actions: Child[] }

export function sheet(scene: Scene, view: Sheet, acts: Acts): Parts {
  const { say: { text }, say, data, extras } = scene;
  const { row, offer, problem, before, busy, extension } = view;
  const refused = problem && !problem.passing ? problem : undefined;
  const running = extension && stateOf(extension, scene.now) === 'active';
  const asks = !refused && !extension;
  const deciding = !!busy && !!offer;
  const off: Record<string, boolean> = deciding ? { 'aria-disabled': true } : {};
  return {
    heading: asks ? text.offer : refused && !running ? why(scene.say, refused)[0] : text.details,
    content: [
      h('p.muted.subject', h('bdi', row.tariff.name), ' · ', number(say, row)),
      refused && h('p', running ? extras?.announcement(scene, view, extension) : extras?.next(say, refused) ?? why(say, refused)[1]),
      asks && offer ? extras?.terms(scene, offer) : extension && extras?.parameters(scene, extension),
      refused && contact(say, refused.brought.servicing_organization ?? data?.account.servicing_organization),
    ],
    status: status(scene, view),
    warn: !!(before ?? problem),
    actions: [
      (asks && offer || problem?.passing) && button('confirm', 'primary', acts.confirm, deciding ? text.extending : problem ? text.retry : text.extend, off),
      button('close', 'plain', acts.close, asks ? text.cancel : text.close, off),
    ],
  };
}

/** Said below the terms, and to a screen reader. */
function status({ say, extras }: Scene, { before, problem, sent, busy, offer }: Sheet): string[] {
  if (before && extras) return extras.changed(say, before);
  if (problem?.passing) {
    const [title, next] = why(say, problem);
    return [`${title}. ${sent && extras ? extras.unsure(say) : next}`];
  }
  return busy && !offer ? [say.text.loading] : [];
}
