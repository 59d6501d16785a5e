/**
 * Ids of records: 15 characters that matter, case included, and 3 that repeat the
 * case of the others, so that readers who ignore case can tell Ids apart
 * (Salesforce: "What is the difference between 15 and 18 character Ids").
 *
 * **Laws**
 *
 * - an Id of 18 characters is the only long form of its first 15;
 * - the long form is found again whatever became of the case of its letters;
 * - `sortKey` puts Ids in the server's own order, which is not the order of
 *   JavaScript strings: digits, then small letters, then capitals.
 *
 * @since 0.1.0
 */

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/**
 * The Id of the record with this number, 18 characters. Numbers start at 0 and
 * stay below 62^9.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (keyPrefix: string, instance: string, number: number): string => {
  let body = ""
  let rest = number
  for (let at = 0; at < 9; at++) {
    body = `${digits[rest % 62]}${body}`
    rest = Math.floor(rest / 62)
  }
  return long(`${keyPrefix}${instance.slice(0, 3).padEnd(3, "0")}${body}`)
}

/**
 * The long form of what a request names: 15 characters, or 18 in any case.
 * `undefined` when it has the form of neither.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): string | undefined => {
  if (/^[a-zA-Z0-9]{15}$/.test(text)) return long(text)
  if (!/^[a-zA-Z0-9]{15}[A-Za-z0-5]{3}$/.test(text)) return undefined
  let short = ""
  for (let group = 0; group < 3; group++) {
    const flags = suffixes.indexOf(text.charAt(15 + group).toUpperCase())
    for (let bit = 0; bit < 5; bit++) {
      const character = text.charAt(group * 5 + bit)
      short += (flags >> bit) % 2 === 1 ? character.toUpperCase() : character.toLowerCase()
    }
  }
  const id = long(short)
  return id.slice(15) === text.slice(15).toUpperCase() ? id : undefined
}

// -----------------------------------------------------------------------------
// ordering
// -----------------------------------------------------------------------------

/** A text whose JavaScript order is the server's order of Ids. @category ordering @since 0.1.0 */
export const sortKey = (id: string): string => {
  let key = ""
  for (const character of id.slice(0, 15)) {
    const small = character.toLowerCase()
    key += character === small ? character.toUpperCase() : small
  }
  return key
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const suffixes = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

const long = (short: string): string => {
  let suffix = ""
  for (let group = 0; group < 3; group++) {
    let flags = 0
    for (let bit = 0; bit < 5; bit++) {
      const character = short.charAt(group * 5 + bit)
      if (character >= "A" && character <= "Z") flags += 1 << bit
    }
    suffix += suffixes.charAt(flags)
  }
  return short + suffix
}
