/** Types of bundle.mjs for the tests. */
export type Product = 'node' | 'reflector' | 'cli'
export const PRODUCTS: Readonly<Record<Product, object>>
export const bundles: string
export function bundle(
  product: Product,
  folder?: string,
): Promise<{
  folder: string
  packages: readonly { name: string; version: string; license: string; text?: string }[]
  inputs: readonly string[]
}>
