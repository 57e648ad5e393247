/**
 * The selector language (calico.md 1.15) as a tree, its meaning, and its canonical text.
 *
 * `!=` and `not in` hold when the label is missing: that is how "everything except" is written, and the reason why a
 * selector is not just a set of required labels.
 */
export type Labels = Readonly<Record<string, string>>

export type Selector =
  | { readonly op: 'all' | 'global' }
  | { readonly op: 'has'; readonly label: string }
  | {
      readonly op: '==' | '!=' | 'contains' | 'starts with' | 'ends with'
      readonly label: string
      readonly value: string
    }
  | { readonly op: 'in' | 'not in'; readonly label: string; readonly values: readonly string[] }
  | { readonly op: '!'; readonly operand: Selector }
  | { readonly op: '&&' | '||'; readonly operands: readonly Selector[] }

export function matches(selector: Selector, labels: Labels): boolean {
  switch (selector.op) {
    case 'all':
      return true
    case 'global':
      // Names non-namespaced objects where namespaces are in play; every object selected here is one.
      return true
    case 'has':
      return Object.hasOwn(labels, selector.label)
    case '==':
      return labelOf(labels, selector.label) === selector.value
    case '!=':
      return labelOf(labels, selector.label) !== selector.value
    case 'contains':
      return labelOf(labels, selector.label)?.includes(selector.value) ?? false
    case 'starts with':
      return labelOf(labels, selector.label)?.startsWith(selector.value) ?? false
    case 'ends with':
      return labelOf(labels, selector.label)?.endsWith(selector.value) ?? false
    case 'in':
    case 'not in': {
      const value = labelOf(labels, selector.label)
      return (value !== undefined && selector.values.includes(value)) === (selector.op === 'in')
    }
    case '!':
      return !matches(selector.operand, labels)
    case '&&':
      return selector.operands.every((operand) => matches(operand, labels))
    case '||':
      return selector.operands.some((operand) => matches(operand, labels))
  }
}

/** Own members only: a label named `constructor` is missing unless it was set. */
function labelOf(labels: Labels, label: string): string | undefined {
  return Object.hasOwn(labels, label) ? labels[label] : undefined
}

/** One text per meaning of the tree: double quotes, sorted sets, a parenthesis round every `&&` and `||`. */
export function printSelector(selector: Selector): string {
  switch (selector.op) {
    case 'all':
    case 'global':
      return `${selector.op}()`
    case 'has':
      return `has(${selector.label})`
    case 'in':
    case 'not in':
      return `${selector.label} ${selector.op} {${[...new Set(selector.values)].sort().map(quote).join(', ')}}`
    case '!':
      return `!${printSelector(selector.operand)}`
    case '&&':
    case '||':
      return `(${selector.operands.map(printSelector).join(` ${selector.op} `)})`
    default:
      return `${selector.label} ${selector.op} ${quote(selector.value)}`
  }
}

/** The language has no escapes: text with a double quote goes into single quotes (it cannot hold both). */
function quote(text: string): string {
  return text.includes('"') ? `'${text}'` : `"${text}"`
}
