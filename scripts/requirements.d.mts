/** Types of requirements.mjs, which stays plain JavaScript because it runs before anything is installed. */
export const requirements: Record<
  string,
  { commands?: string[]; packages?: string[]; condition?: 'root' | 'netns' | 'userns' }
>
export function lacking(name: string): string[]
export function packagesFor(names: readonly string[]): string[]
export function declaredNeeds(source: string): string[]
export function suitesUnder(folder: string): { file: string; needs: string[] }[]
