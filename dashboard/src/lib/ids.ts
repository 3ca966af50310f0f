// Ids as the server makes them: ULIDs. Anything else in an address is asked of nobody.

export const isId = (text: string): boolean => /^[0-9A-HJKMNP-TV-Z]{26}$/i.test(text);

/** The end of an id tells neighbours apart; its beginning is their common time. */
export const shortId = (id: string): string => `…${id.slice(-8)}`;
