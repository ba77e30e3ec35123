import { defineConfig } from "vite";

export default defineConfig({
  base: "/console/",
  worker: { format: "es" },
  build: {
    target: "es2023",
    rolldownOptions: {
      input: ["graphiql.html"],
      checks: { moduleLevelDirective: false }, // "use client" in packages: of no meaning here, many lines of log
    },
    chunkSizeWarningLimit: 4000, // kB; the editor is one large chunk, cached for good
  },
});
