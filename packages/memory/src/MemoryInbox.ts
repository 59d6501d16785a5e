/**
 * The inbox, with leases by the `Clock` of the calling fiber.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Inbox from "@tidemark/core/ports/Inbox"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as Database from "./Database.ts"
import type * as Owed from "./Owed.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): Inbox.Inbox["Service"] => ({
  begin: (message) =>
    Effect.flatten(
      Statement.write(
        connection,
        "Inbox.begin",
        message.tenant,
        Effect.fnUntraced(function* (statement) {
          const row = yield* Statement.lock(statement, "inbox", keyOf(message))
          if (row !== undefined && isOther(message, row)) return conflict(message)
          if (row?.isFinished === true) return Effect.succeed(false)
          const now = yield* Clock.currentTimeMillis
          if (row !== undefined && row.leaseUntil > now) return yield* claimed(message)
          const { attempt = 0, epoch = 0 } = row ?? {}
          const taken: Owed.InboxRow = {
            ...placeOf(connection, message, row),
            digest: message.digest,
            isFinished: true,
            touchedAt: now,
            epoch: epoch + 1,
            attempt: attempt + 1,
            leaseUntil: 0
          }
          Statement.put(statement, "inbox", keyOf(message), taken)
          return Effect.succeed(true)
        })
      )
    ),
  claim: (message, lease) =>
    Statement.writeAlone(
      connection,
      "Inbox.claim",
      message.tenant,
      Effect.fnUntraced(function* (statement) {
        const row = yield* Statement.lock(statement, "inbox", keyOf(message))
        if (row !== undefined && isOther(message, row)) return yield* conflict(message)
        if (row?.isFinished === true) return { _tag: "Finished" } as const
        const now = yield* Clock.currentTimeMillis
        if (row !== undefined && row.leaseUntil > now) return { _tag: "Busy", remaining: row.leaseUntil - now } as const
        const { attempt = 0, epoch = 0 } = row ?? {}
        const taken: Owed.InboxRow = {
          ...placeOf(connection, message, row),
          digest: message.digest,
          isFinished: false,
          touchedAt: now,
          epoch: epoch + 1,
          attempt: attempt + 1,
          leaseUntil: now + Duration.toMillis(lease)
        }
        Statement.put(statement, "inbox", keyOf(message), taken)
        return { _tag: "Claimed", claim: { ...message, epoch: taken.epoch, attempt: taken.attempt } } as const
      })
    ),
  finish: (claim) =>
    Statement.writeAlone(
      connection,
      "Inbox.finish",
      claim.tenant,
      Effect.fnUntraced(function* (statement) {
        const key = keyOf(claim)
        const now = yield* Clock.currentTimeMillis
        const finished = yield* Statement.update(statement, "inbox", key, (row) =>
          row.epoch === claim.epoch
            ? { ...row, isFinished: true, touchedAt: row.isFinished ? row.touchedAt : now }
            : undefined
        )
        return finished !== undefined
      })
    )
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const keyOf = ({ consumer, id, tenant }: Inbox.Message): string => State.key(tenant, consumer, id)

const placeOf = (
  { database }: Database.Connection,
  { id, tenant }: Inbox.Message,
  row: Owed.InboxRow | undefined
): Pick<Owed.InboxRow, "tenant" | "id" | "order"> => ({
  tenant,
  id,
  order: row?.order ?? Database.next(database, "message")
})

const isOther = ({ digest }: Inbox.Message, row: Owed.InboxRow): boolean =>
  digest !== undefined && row.digest !== undefined && digest !== row.digest

const conflict = ({ consumer, id }: Inbox.Message): Effect.Effect<never, Inbox.InboxConflict> =>
  Effect.fail(
    new Inbox.InboxConflict({
      consumer,
      id,
      message: `the message ${id} came to ${consumer} before with other content: its sender gave one id twice`
    })
  )

const claimed = ({ consumer, id }: Inbox.Message): StoreError =>
  new StoreError({
    reason: "Conflict",
    operation: "Inbox.begin",
    message: `the message ${id} is claimed for an effect of ${consumer} elsewhere: try again once its lease is over`
  })
