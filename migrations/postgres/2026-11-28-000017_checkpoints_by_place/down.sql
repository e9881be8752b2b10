DROP INDEX checkpoints_by_place;
