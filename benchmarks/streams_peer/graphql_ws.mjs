// graphql-ws on ws: the reference server of graphql-transport-ws. One execution for each subscriber and event.
import { createServer } from 'node:http'
import { buildSchema } from 'graphql'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import { listen, topicOf, typeDefs } from './schema.mjs'

const listeners = new Map()

function iterate (topic) {
  const waiting = []
  let wake = null
  const hear = (value) => {
    if (wake) { wake({ value, done: false }); wake = null } else waiting.push(value)
  }
  const hearing = listeners.get(topic) ?? new Set()
  listeners.set(topic, hearing.add(hear))
  return {
    [Symbol.asyncIterator] () { return this },
    next: () => waiting.length
      ? Promise.resolve({ value: waiting.shift(), done: false })
      : new Promise((resolve) => { wake = resolve }),
    return: () => {
      hearing.delete(hear)
      wake?.({ value: undefined, done: true })
      return Promise.resolve({ value: undefined, done: true })
    }
  }
}

const schema = buildSchema(typeDefs)
const fields = schema.getSubscriptionType().getFields()
for (const [name, topic] of Object.entries(topicOf)) {
  fields[name].subscribe = (root, variables) => iterate(topic(root, variables))
}
await listen((topic, value) => { for (const hear of listeners.get(topic) ?? []) hear(value) })
const http = createServer()
useServer({ schema }, new WebSocketServer({ server: http, path: '/v1/streams', perMessageDeflate: false }))
http.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 2048 })
