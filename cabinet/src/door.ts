/** The door between the two files: how the second comes, and what the first lends it. */
import { Problem, type failure } from './client';
import type { Extras, Scene } from './scene';

export interface Host {
  readonly root: ShadowRoot;
  readonly get: <Answer>(path: string) => Promise<Answer>;
  readonly failure: typeof failure;
  readonly scene: () => Scene;
  readonly draw: () => void;
}

declare const EXTRAS: string; // where the second file is: see build.js
let failures = 0; // a browser may remember a failure, so the name is new for every try

export async function open(host: Host): Promise<Extras> {
  const file = EXTRAS + (failures ? `.${failures}` : '');
  const second = await import(file).catch(() => {
    failures++;
    throw new Problem('offline');
  }) as { Extras: new (host: Host) => Extras };
  return new second.Extras(host);
}
