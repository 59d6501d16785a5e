/**
 * Notifications as signals. Each stream of them holds one connection of the pool
 * for as long as it runs.
 *
 * @since 0.1.0
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Wake from "@tidemark/core/ports/Wake"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as DeliveryFunctions from "./DeliveryFunctions.ts"
import * as PgError from "./PgError.ts"

/** @category constructors @since 0.1.0 */
export const make = (sql: PgClient.PgClient): Wake.Wake["Service"] => ({
  signals: Stream.unwrap(Effect.map(sql.listen(DeliveryFunctions.channel), Stream.fromQueue)).pipe(
    Stream.map(() => undefined),
    Stream.mapError(PgError.toStoreError("Wake.signals"))
  )
})

/** @category layers @since 0.1.0 */
export const layer: Layer.Layer<Wake.Wake, never, PgClient.PgClient> = Layer.effect(
  Wake.Wake,
  Effect.map(PgClient.PgClient, make)
)
