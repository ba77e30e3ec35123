// What the peers serve: the part of Easel's schema that is subscribed to, and the bus that fills it.
import { createClient } from '@redis/client'

export const typeDefs = `
  scalar JSON
  enum ChannelName { RUNS }
  input ChannelInput { name: ChannelName! projectId: ID }
  type StreamEvent { cursor: String! event: String! payload: JSON! occurredAt: String! }
  type Step { id: ID! nodeId: String! status: String! progress: Float! }
  type Run { id: ID! status: String! progress: Float! version: Int! createdAt: String! startedAt: String finishedAt: String steps: [Step!]! }
  type Query { ok: Boolean }
  type Subscription { stream(channels: [ChannelInput!]!): StreamEvent! runUpdated(id: ID!): Run! }`

// One connection for the process: each message is decoded once, and handed on by project and by run.
export const listen = async (hand) => {
  const client = createClient({ url: process.env.REDIS_URL })
  await client.connect()
  await client.pSubscribe('project:*', (message) => {
    for (const { seq, event } of JSON.parse(message)) {
      const told = { cursor: String(seq), event: event.event, payload: event.payload, occurredAt: event.occurred_at }
      hand(`stream:${event.project_id}`, { stream: told })
      hand(`run:${event.run_id}`, { runUpdated: event.payload })
    }
  })
}

export const topicOf = {
  stream: (_, { channels }) => `stream:${channels[0].projectId}`,
  runUpdated: (_, { id }) => `run:${id}`
}
