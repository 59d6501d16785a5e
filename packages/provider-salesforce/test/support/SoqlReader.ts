/**
 * An independent reader of SOQL: character by character, as a server would. In the
 * string of a LIKE, `any` and `one` stand for its signs.
 */
import assert from "node:assert/strict"

export type Token = { readonly kind: "word" | "sign" | "string"; readonly text: string }

export const any = "\ue000"
export const one = "\ue001"

const unescapes: { readonly [letter: string]: string } = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  f: "\f",
  "'": "'",
  '"': '"',
  "\\": "\\"
}

/** Throws on what is no SOQL. */
export const tokens = (soql: string): Array<Token> => {
  const read: Array<Token> = []
  let at = 0
  while (at < soql.length) {
    const character = soql[at]!
    if (character === " ") at++
    else if (character === "'") {
      const isPattern = read.at(-1)?.text === "LIKE"
      let text = ""
      at++
      while (soql[at] !== "'") {
        assert.ok(at < soql.length, "a string is not closed")
        if (soql[at] === "\\") {
          const escaped = soql[at + 1] ?? ""
          const unescaped = isPattern && /[%_]/.test(escaped) ? escaped : unescapes[escaped]
          assert.ok(unescaped !== undefined, "an escape is unknown")
          text += unescaped
          at += 2
        } else {
          const plain = soql[at++]!
          text += isPattern && plain === "%" ? any : isPattern && plain === "_" ? one : plain
        }
      }
      at++
      read.push({ kind: "string", text })
    } else if (/[(),]/.test(character)) {
      read.push({ kind: "sign", text: character })
      at++
    } else {
      const word = /^(?:[<>!]?=|[<>]|[-+:.\w]+)/.exec(soql.slice(at))
      assert.ok(word !== null, `${soql.slice(at, at + 10)} begins no token`)
      read.push({ kind: "word", text: word[0] })
      at += word[0].length
    }
  }
  return read
}

/** Tokens, with whatever strings hold left out. */
export const shape = (soql: string) => tokens(soql).map(({ kind, text }) => (kind === "string" ? "'…'" : text))
export const strings = (soql: string) => tokens(soql).flatMap(({ kind, text }) => (kind === "string" ? [text] : []))
