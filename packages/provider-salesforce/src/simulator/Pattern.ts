/**
 * The patterns of LIKE: `%` is any text, `_` any one character, a backslash
 * before either means the character itself. Case is ignored.
 *
 * Time is at most the product of both lengths, whatever the pattern.
 *
 * @since 0.1.0
 */
import * as Token from "./Token.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** `Any` stands for any text, `One` for any character. @category models @since 0.1.0 */
export type Part = "Any" | "One" | { readonly character: string }

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** From what stands between the quotes, escapes included. @category constructors @since 0.1.0 */
export const parse = (raw: string): ReadonlyArray<Part> =>
  (raw.match(/\\u[0-9a-fA-F]{4}|\\[^]|[^]/g) ?? []).map((piece) =>
    piece === "%" ? "Any" : piece === "_" ? "One" : { character: (Token.unescape(piece) ?? piece).toLowerCase() }
  )

// -----------------------------------------------------------------------------
// matching
// -----------------------------------------------------------------------------

/** @category matching @since 0.1.0 */
export const isMatch = (parts: ReadonlyArray<Part>, text: string): boolean => {
  const characters = text.toLowerCase()
  let part = 0
  let at = 0
  // Where to take up again when the text after the last `Any` does not fit.
  let resume: { readonly part: number; at: number } | undefined
  while (at < characters.length) {
    const wanted = parts[part]
    if (wanted === "Any") resume = { part: ++part, at }
    else if (wanted === "One" || (wanted !== undefined && wanted.character === characters[at])) {
      part++
      at++
    } else if (resume === undefined) return false
    else {
      part = resume.part
      at = ++resume.at
    }
  }
  return parts.slice(part).every((rest) => rest === "Any")
}
