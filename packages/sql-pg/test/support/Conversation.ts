/**
 * What one connection is in the middle of: which text a prepared statement and
 * a portal stand for, and which answers of the server are still to come for
 * which message of the client.
 *
 * The server answers in order. After an error it skips what the client sent up
 * to the next `Sync`, so those answers never come (PostgreSQL manual, "Extended
 * Query").
 */
import * as Wire from "./Wire.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A message whose last answer is still to come. */
export interface Pending<A> {
  /** Type of the client's message. */
  readonly type: string
  /** What the sender noted about it. */
  readonly note: A
}

export interface Conversation<A> {
  /**
   * Takes a message of the client, each once and in order, sent on or not. Answers
   * the statement that it executes, `undefined` when it executes none.
   */
  readonly read: (message: Wire.Message) => string | undefined
  /** Notes that the server gets this message now. */
  readonly send: (message: Wire.Message, note: A) => void
  /**
   * What this message of the server answers: `undefined` for one that came by
   * itself, such as a notice.
   */
  readonly receive: (message: Wire.Message) => Pending<A> | undefined
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

export const make = <A>(): Conversation<A> => {
  const statements = new Map<string, string>()
  const portals = new Map<string, string>()
  let pending: ReadonlyArray<Pending<A>> = []
  let isSkipping = false

  return {
    read: (message) => {
      if (!named.has(message.type)) return undefined
      const [first = "", second = ""] = Wire.texts(message.body, message.type === "P" || message.type === "B" ? 2 : 1)
      if (message.type === "P") statements.set(first, second)
      if (message.type === "B") portals.set(first, statements.get(second) ?? "")
      if (message.type === "C") (first.startsWith("S") ? statements : portals).delete(first.slice(1))
      if (message.type === "Q") return first
      return message.type === "E" ? (portals.get(first) ?? "") : undefined
    },
    send: (message, note) => {
      if (endsCycle(message.type)) isSkipping = false
      if (lastAnswers.has(message.type) && !isSkipping) pending = [...pending, { type: message.type, note }]
    },
    receive: (message) => {
      if (byItself.has(message.type)) return undefined
      if (message.type === "E") {
        const failed = pending[0]
        const cycleEnd = pending.findIndex((each) => endsCycle(each.type))
        isSkipping = cycleEnd < 0 && pending.length > 0
        pending = cycleEnd < 0 ? [] : pending.slice(cycleEnd)
        return failed
      }
      const head = pending[0]
      if (head !== undefined && lastAnswers.get(head.type)?.includes(message.type)) pending = pending.slice(1)
      return head
    }
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** By type of the client's message, the answers after which no other one follows. */
const lastAnswers: ReadonlyMap<string, string> = new Map([
  ["P", "1"],
  ["B", "2"],
  ["C", "3"],
  ["D", "Tn"],
  ["E", "CIs"],
  ["Q", "Z"],
  ["F", "Z"],
  ["S", "Z"]
])

/** Messages whose body begins with a name or a text. */
const named: ReadonlySet<string> = new Set(["P", "B", "C", "E", "Q"])

/** Notice, parameter status, notification. */
const byItself: ReadonlySet<string> = new Set(["N", "S", "A"])

const endsCycle = (type: string): boolean => type === "S" || type === "Q" || type === "F"
