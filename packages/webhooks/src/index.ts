/**
 * Events sent on as Standard Webhooks; needs Node.
 *
 * @since 0.1.0
 */
export * as Endpoint from "./Endpoint.ts"
export * as EventMessage from "./EventMessage.ts"
export * as Forwarder from "./Forwarder.ts"
export * as StandardWebhooks from "./StandardWebhooks.ts"
