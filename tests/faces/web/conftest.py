from tests.faces.web.household import fresh_folder, household

__all__ = ["fresh_folder", "household"]
