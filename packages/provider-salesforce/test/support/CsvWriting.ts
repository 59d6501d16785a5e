/** CSV written in every style there is, by a writer of its own. */
import * as fc from "fast-check"

export interface Style {
  readonly delimiter: string
  readonly lineBreak: "\n" | "\r\n"
  /** Quotes also where there is no need. */
  readonly isQuoted: boolean
  readonly hasLastBreak: boolean
}

export const styles: fc.Arbitrary<Style> = fc.record({
  delimiter: fc.constantFrom(",", "`", "^", "|", ";", "\t"),
  lineBreak: fc.constantFrom("\n", "\r\n"),
  isQuoted: fc.boolean(),
  hasLastBreak: fc.boolean()
})

/** Text as records hold it: with quotes, line breaks, delimiters, and letters of many bytes. */
export const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }).filter((text) => text.isWellFormed() && !text.startsWith("\ufeff")),
  fc
    .array(fc.constantFrom('"', ",", "\r\n", "\n", "\r", ";", "`", "|", "a", "é", "😀", " ", "\t"), { maxLength: 8 })
    .map((parts) => parts.join(""))
)

/** Rows of equal width. One of a single empty field at the end could not be told from none. */
export const tables: fc.Arbitrary<Array<Array<string>>> = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 5 }))
  .chain(([width, height]) =>
    fc.array(fc.array(text, { minLength: width, maxLength: width }), { minLength: height, maxLength: height })
  )
  .filter((table) => table.at(-1)?.join() !== "")

const needsQuotes = (cell: string, delimiter: string) => /["\r\n]/.test(cell) || cell.includes(delimiter)

export const write = (table: ReadonlyArray<ReadonlyArray<string>>, style: Style): string => {
  const { delimiter, hasLastBreak, isQuoted, lineBreak } = style
  const quoted = (cell: string) => (isQuoted || needsQuotes(cell, delimiter) ? `"${cell.replaceAll('"', '""')}"` : cell)
  const lines = table.map((row) => row.map(quoted).join(delimiter))
  return lines.join(lineBreak) + (hasLastBreak && lines.length > 0 ? lineBreak : "")
}

/** Bytes in pieces of one size. */
export const pieces = (bytes: Uint8Array, size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.slice(index * size, (index + 1) * size))
