-- Which checkpoint covers an event is found without reading those before it.
CREATE INDEX checkpoints_by_place ON checkpoints (position);
