"""HTTP and WebSocket as the planes use it, at the front and to what stands behind."""
