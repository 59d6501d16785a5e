/**
 * What can be made to go wrong between a client and its server, and when. A test
 * arms a fault and reads afterwards how often it fired: a fault that never fired
 * proves nothing.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/**
 * - `DropBeforeCommit`: both connections are cut when a `COMMIT` arrives, which
 *   the server never sees: rolled back.
 * - `DropAfterCommit`: the `COMMIT` is passed on, and when the server has
 *   confirmed it the connections are cut before the client hears of it:
 *   committed, and the client cannot know.
 * - `CutAtMessage`: both connections are cut when the client's n-th message
 *   arrives, which is not passed on. The start of the session is the first.
 * - `Blackhole`: from the statement on nothing passes either way, and nobody is
 *   told.
 * - `InjectError`: the server executes a statement that raises this SQLSTATE
 *   instead, so that the state of the transaction is really that of an error.
 */
export type Fault =
  | { readonly _tag: "DropBeforeCommit" }
  | { readonly _tag: "DropAfterCommit" }
  | { readonly _tag: "CutAtMessage"; readonly message: number }
  | { readonly _tag: "Blackhole" }
  | { readonly _tag: "InjectError"; readonly sqlState: string; readonly constraint: string }

/** What a client is about to send. */
export interface Moment {
  /** 1 for the first connection since the proxy started. */
  readonly connection: number
  /** 1 for the first message of the connection. */
  readonly message: number
  /** Text of the statement it executes; `undefined` for a message that executes none. */
  readonly statement: string | undefined
}

export interface Trigger {
  /** How often it fires at most; 1. */
  readonly times?: number
  /** Where it may fire, among the places that the fault can fire at; everywhere. */
  readonly when?: (moment: Moment) => boolean
}

export interface Armed {
  /** How often it fired. Starts at 0. */
  readonly fired: Effect.Effect<number>
  /** Completes when it has fired once. */
  readonly first: Effect.Effect<void>
  /** It fires no more. */
  readonly disarm: Effect.Effect<void>
}

/** A fault that takes place now. Exactly one of the two is to be called. */
export interface Claim {
  readonly fault: Fault
  /** It took place. */
  readonly fire: () => void
  /** It could not; it may fire another time. */
  readonly release: () => void
}

export interface Faults {
  readonly arm: (fault: Fault, trigger?: Trigger) => Armed
  /** The first armed fault that takes place at this moment. */
  readonly claim: (moment: Moment) => Claim | undefined
  /** How often any fired. Starts at 0. */
  readonly fired: () => number
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

export const dropBeforeCommit: Fault = { _tag: "DropBeforeCommit" }
export const dropAfterCommit: Fault = { _tag: "DropAfterCommit" }
export const cutAtMessage = (message: number): Fault => ({ _tag: "CutAtMessage", message })
export const blackhole: Fault = { _tag: "Blackhole" }

/** For example `injectError("40001")`; the constraint is what a violation names. */
export const injectError = (sqlState: string, constraint = "injected"): Fault => ({
  _tag: "InjectError",
  sqlState,
  constraint
})

/** None armed. */
export const make = (): Faults => {
  const all: Array<{
    readonly fault: Fault
    readonly when: (moment: Moment) => boolean
    left: number
    fire: () => void
  }> = []
  let total = 0
  return {
    arm: (fault, trigger = {}) => {
      const first = Deferred.makeUnsafe<void>()
      let fired = 0
      const entry = {
        fault,
        when: trigger.when ?? (() => true),
        left: trigger.times ?? 1,
        fire: () => {
          fired += 1
          total += 1
          Deferred.doneUnsafe(first, Effect.void)
        }
      }
      all.push(entry)
      return {
        fired: Effect.sync(() => fired),
        first: Deferred.await(first),
        disarm: Effect.sync(() => {
          entry.left = 0
        })
      }
    },
    claim: (moment) => {
      const entry = all.find((each) => each.left > 0 && canFire(each.fault, moment) && each.when(moment))
      if (entry === undefined) return undefined
      entry.left -= 1
      return {
        fault: entry.fault,
        fire: entry.fire,
        release: () => {
          entry.left += 1
        }
      }
    },
    fired: () => total
  }
}

/** A `do` block that raises the error, in a transaction or outside. */
export const raising = (fault: Extract<Fault, { readonly _tag: "InjectError" }>): string => {
  const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`
  const detail = `errcode = ${quoted(fault.sqlState)}, constraint = ${quoted(fault.constraint)}`
  return `do $tidemark$ begin raise exception 'injected ${fault.sqlState}' using ${detail}; end $tidemark$`
}

/** Whether a text commits, by its last statement. */
export const isCommit = (statement: string): boolean =>
  /(?:^|;)\s*(?:commit|end)\b(?!\s+prepared)[^;]*;?\s*$/i.test(statement)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const canFire = (fault: Fault, moment: Moment): boolean => {
  switch (fault._tag) {
    case "DropBeforeCommit":
    case "DropAfterCommit":
      return moment.statement !== undefined && isCommit(moment.statement)
    case "CutAtMessage":
      return moment.message === fault.message
    case "Blackhole":
    case "InjectError":
      return moment.statement !== undefined
  }
}
