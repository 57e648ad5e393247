/**
 * AS numbers as Calico accepts them: a number, decimal text, or dotted text (RFC 5396 asdot+, `1.10` = 65546).
 */
export function parseAsNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 && value <= 0xffffffff ? value : undefined
  if (typeof value !== 'string') return undefined
  const dotted = /^(\d{1,5})\.(\d{1,5})$/.exec(value)
  if (dotted !== null) {
    const high = Number(dotted[1])
    const low = Number(dotted[2])
    return high > 65535 || low > 65535 ? undefined : high * 65536 + low
  }
  return /^\d{1,10}$/.test(value) ? parseAsNumber(Number(value)) : undefined
}
