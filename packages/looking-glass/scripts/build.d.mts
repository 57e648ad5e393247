/** Types of build.mjs, which stays plain JavaScript because it runs before anything is compiled. */
export function buildWeb(options?: { force?: boolean }): Promise<{ built: boolean; bytes: number; compressed: number }>
