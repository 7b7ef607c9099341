/** The texts in both languages, and how they are filled in. */
import { en } from './en';
import { ru } from './ru';

export const TEXTS = { ru, en };

/** A table's entry under a name that came from outside; `constructor` is in none. */
export const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined => (Object.hasOwn(table, name) ? table[name] : undefined);

/** Puts values where a text has their numbers. */
export const fill = (text: string, ...values: string[]): string => text.replace(/\d/g, (i) => values[Number(i)] ?? i);
