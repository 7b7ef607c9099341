/** Elements, made and compared. */
type Attributes = Record<string, string | number | boolean | ((event: Event) => void)>;
export type Child = Node | Attributes | string | number | false | null | undefined | Child[];

/** h('p.muted', {attribute, listener}, 'text', node…): classes are parts too; strings become text nodes, never markup. */
export function h(tag: string, ...children: Child[]): HTMLElement {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name!);
  if (classes[0]) element.className = element.part.value = classes.join(' ');
  for (const child of flat(children)) {
    if (child.constructor !== Object) element.append(child as string | Node);
    else for (const [key, value] of Object.entries(child as Attributes)) {
      if (typeof value === 'function') element.addEventListener(key, value);
      else element.setAttribute(key, String(value));
    }
  }
  return element;
}

/**
 * Changes only what differs: a refresh must not take the focus, or a button from under a click. What stays has the
 * listeners of its first drawing, so these read what is true when they are called.
 */
export function update(parent: HTMLElement, children: Child[]): void {
  const nodes = flat(children) as Node[];
  while (parent.children[nodes.length]) parent.lastChild?.remove();
  nodes.forEach((node, i) => {
    const old = parent.children[i];
    if (!old) parent.append(node);
    else if (!old.isEqualNode(node)) old.replaceWith(node);
  });
}

type One = Exclude<Child, false | null | undefined | Child[]>;
const flat = (children: Child[]): One[] => children.flatMap((child) => (Array.isArray(child) ? flat(child) : child === 0 || child ? [child] : []));
