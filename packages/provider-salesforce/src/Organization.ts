/**
 * Which org a session belongs to: what cursors and records are kept under.
 *
 * The org's Id, or, for a user who may not read it, the org's host name, which is
 * the org's own. Both name one org, and a program that took them in turns would
 * keep its records twice.
 *
 * **Guarantees**
 *
 * - one client names its org in one way for as long as it lives;
 * - a refusal that does not come again names nothing: the host name stands in
 *   only when the Id is refused twice in a row, and never once it was told.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Effect from "effect/Effect"
import type * as Answer from "./Answer.ts"
import * as SalesforceError from "./SalesforceError.ts"

type Read<A> = Effect.Effect<A, ChangeSource.SourceError>

/** @category models @since 0.1.0 */
export interface Options {
  /** The Id of the one row of `Organization`. */
  readonly id: Read<Answer.Answer<string>>
  /** Where the org lives now: scheme, host and port. */
  readonly origin: Read<string>
  readonly time: Read<number>
}

/** @category constructors @since 0.1.0 */
export const make = ({ id, origin, time }: Options): Read<Answer.Answer<string>> => {
  let name: "Id" | "Host" | undefined
  const byHost = Effect.all({ value: Effect.map(origin, (address) => new URL(address).hostname), serverTime: time })
  const named = <A>(as: "Id" | "Host", read: Read<A>): Read<A> =>
    Effect.tap(read, () =>
      Effect.sync(() => {
        name = as
      })
    )
  const byId = named("Id", id)
  const isInDoubt = (error: ChangeSource.SourceError) => name === undefined && isHidden(error)
  return Effect.suspend(() =>
    name === "Host"
      ? byHost
      : Effect.catchIf(byId, isInDoubt, () => Effect.catchIf(byId, isInDoubt, () => named("Host", byHost)))
  )
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** What is said of an object that the user may not read. Other refusals are about all objects. */
const hidden: ReadonlySet<string> = new Set([
  "INVALID_TYPE",
  "INVALID_TYPE_FOR_OPERATION",
  "INSUFFICIENT_ACCESS",
  "INSUFFICIENT_ACCESS_OR_READONLY"
])

const isHidden = (error: ChangeSource.SourceError): boolean => hidden.has(SalesforceError.code(error))
