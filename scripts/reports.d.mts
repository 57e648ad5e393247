/** Types of reports.mjs, which stays plain JavaScript because it runs before anything is installed. */
export interface Report {
  testResults: {
    /** Path of the file. */
    name: string
    status: 'passed' | 'failed'
    message?: string
    assertionResults: { status: string; fullName: string; failureMessages?: string[] }[]
  }[]
}
export function tally(report: Report | undefined, code: number): { passed: number; failed: number; skipped: number }
export function worthAnotherTry(report: Report | undefined, code: number): string[]
export function merged(first: Report, second: Report): Report
