/** A W3C trace context of version 00. */
export const TRACEPARENT: RegExp = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/
