/** Types of sbom.mjs for the tests. */
export const ALLOWED: ReadonlySet<string>
export function billOfMaterials(format?: 'spdx' | 'cyclonedx'): string
export function licences(spdx: string): { name: string; version: string; licence: string }[]
export function allowed(expression: string): boolean
