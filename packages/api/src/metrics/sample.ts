/** One number of a scrape, and what it is of. */

export type Labels = Readonly<Record<string, string | number>>
export type Sample = readonly [labels: Labels, value: number]
