interface Assertion {
  readonly status: string
  readonly ancestorTitles: readonly string[]
  readonly title: string
  readonly failureMessages?: readonly string[]
}
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly Assertion[]
  }[]
}
export function ofLint(text: string): string[]
export function ofCompiler(text: string): string[]
export function ofTests(
  report: Report | undefined,
  place: { readonly root: string; readonly skips: boolean; readonly code: number },
): string[]
export function lastWords(steps: readonly { readonly title: string; readonly lines: readonly string[] }[]): string[]
